sbin_PROGRAMS += tallyman
tallyman_SOURCES = %D%/main.c
tallyman_LDADD = $(TALLYMAN_LIBS) $(EXTERNAL_LIBS)

# All of the agent but main, so that tests can link it.
noinst_LIBRARIES += %D%/libagent.a
%C%_libagent_a_SOURCES =

# Man pages lie beside the code: dist_man_MANS += %D%/tallyman.8

# The agent from the build tree: state, socket and configuration stay in it.
RUN_COMMAND = ./tallyman run -c run.yaml --state-dir=run --print-alerts

run.yaml: Makefile
	$(AM_V_GEN){ \
		echo "# Made by make run."; \
		echo "rules:"; \
		echo "  paths: [ $(abs_top_srcdir)/rules/sigma ]"; \
	} > $@.tmp && mv $@.tmp $@
CLEANFILES += run.yaml

run: all run.yaml
	@mkdir -p run
	$(RUN_COMMAND)

clean-local:
	rm -rf run dist

.PHONY: run
