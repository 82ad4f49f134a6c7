# One line per test: sh_tests += %D%/x.sh
sh_tests += %D%/layers.sh
sh_tests += %D%/headers.sh
sh_tests += %D%/banned.sh
sh_tests += %D%/format.sh
sh_tests += %D%/state.sh
sh_tests += %D%/shell.sh
sh_tests += %D%/man.sh
sh_tests += %D%/outputs-man.sh
sh_tests += %D%/dist.sh
sh_tests += %D%/keys.sh
EXTRA_DIST += %D%/layers.txt %D%/metrics.sh %D%/cppcheck.txt

# For reviewers to read; fails nothing.
metrics:
	@cd $(top_srcdir) && $(SHELL) tests/style/metrics.sh

check-headers: config.h
	@$(AM_TESTS_ENVIRONMENT) $(SHELL) $(top_srcdir)/%D%/headers.sh

# Every style test, the analyser of cppcheck and that of gcc. A finding that
# is wrong goes to cppcheck.txt with a comment.
lint: all
	@$(AM_TESTS_ENVIRONMENT) \
	for s in layers headers banned format state shell man dist keys; do \
		$(SHELL) $(top_srcdir)/%D%/$$s.sh || exit 1; \
	done
	cd $(top_srcdir) && cppcheck --quiet --std=c11 --error-exitcode=1 \
		--enable=warning,portability --inline-suppr -I. \
		--library=posix,gnu,bsd \
		'-DLIST_HEAD(n,t)=struct n{struct t*lh_first;}' \
		'-DSTAILQ_HEAD(n,t)=struct n{struct t*stqh_first;}' \
		--suppressions-list=tests/style/cppcheck.txt \
		lib agent stream enrich rules outputs collectors

.PHONY: metrics check-headers lint

dist-list:
	@echo $(DISTFILES)

.PHONY: dist-list
