noinst_LIBRARIES += %D%/libtm.a
%C%_libtm_a_SOURCES = \
	%D%/arena.c %D%/arena.h \
	%D%/buf.c %D%/buf.h \
	%D%/cursor.h \
	%D%/hash.c %D%/hash.h \
	%D%/ipaddr.c %D%/ipaddr.h \
	%D%/json.c %D%/json.h %D%/json_write.c \
	%D%/jsonpick.c %D%/jsonpick.h \
	%D%/log.c %D%/log.h \
	%D%/map.c %D%/map.h \
	%D%/mono.c %D%/mono.h \
	%D%/netns.c %D%/netns.h \
	%D%/utf8.h
