sbin_PROGRAMS += tallyman
tallyman_SOURCES = %D%/main.c
tallyman_LDADD = $(TALLYMAN_LIBS) $(EXTERNAL_LIBS)

# All of the agent but main, so that tests can link it.
noinst_LIBRARIES += %D%/libagent.a
%C%_libagent_a_SOURCES = \
	%D%/aside.c %D%/aside.h \
	%D%/ask.c %D%/ask.h \
	%D%/blind.c %D%/blind.h \
	%D%/broker.c %D%/broker.h \
	%D%/bundle.c %D%/bundle.h \
	%D%/check.c \
	%D%/command.h \
	%D%/control.c %D%/control.h \
	%D%/docker_client.c %D%/docker_client.h \
	%D%/doctor.c \
	%D%/engine.c %D%/engine.h \
	%D%/inside.c %D%/inside.h \
	%D%/notify.c %D%/notify.h \
	%D%/outbox.c %D%/outbox.h \
	%D%/part.c %D%/part.h \
	%D%/printer.c %D%/printer.h \
	%D%/scribe.c %D%/scribe.h \
	%D%/capfile.c %D%/capfile.h \
	%D%/privileges.c %D%/privileges.h \
	%D%/procfs.c %D%/procfs.h \
	%D%/query.c \
	%D%/record.c \
	%D%/replay.c \
	%D%/rules_command.c \
	%D%/run.c %D%/run.h \
	%D%/settings.c %D%/settings.h \
	%D%/sockets.c %D%/sockets.h \
	%D%/source.c %D%/source.h \
	%D%/status.c \
	%D%/within.c %D%/within.h \
	%D%/wire.c %D%/wire.h \
	%D%/works.c %D%/works.h

# Man pages lie beside the code.
dist_man_MANS += %D%/tallyman.8 %D%/tallyman-events.5 %D%/tallyman.yaml.5
