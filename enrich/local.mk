noinst_LIBRARIES += %D%/libenrich.a
%C%_libenrich_a_SOURCES = \
	%D%/address.c %D%/address.h \
	%D%/ask.h \
	%D%/container.c %D%/container.h %D%/container_write.c \
	%D%/docker.c %D%/docker.h \
	%D%/docker_event.c %D%/docker_event.h \
	%D%/enrich.c %D%/enrich.h \
	%D%/entry.c %D%/entry.h \
	%D%/facts.c %D%/facts.h \
	%D%/flow.c %D%/flow.h %D%/flow_private.h \
	%D%/flow_end.c %D%/flow_match.c %D%/flow_write.c \
	%D%/within.c %D%/within.h \
	%D%/identity.c %D%/identity.h \
	%D%/netns.c %D%/netns.h \
	%D%/opener.c %D%/opener.h \
	%D%/origin.c %D%/origin.h \
	%D%/owner.c %D%/owner.h \
	%D%/process.c %D%/process.h %D%/process_private.h \
	%D%/process_owner.c %D%/process_proc.c \
	%D%/procfile.c %D%/procfile.h \
	%D%/program.c %D%/program.h \
	%D%/socket.c %D%/socket.h \
	%D%/splitter.c %D%/splitter.h \
	%D%/user.c %D%/user.h
