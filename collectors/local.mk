noinst_LIBRARIES += %D%/libcollectors.a
%C%_libcollectors_a_SOURCES = %D%/collector.h
%C%_libcollectors_a_SOURCES += %D%/link/link.c %D%/link/link.h
%C%_libcollectors_a_SOURCES += %D%/conntrack/conntrack.c \
	%D%/conntrack/conntrack.h
%C%_libcollectors_a_SOURCES += %D%/packet/packet.c %D%/packet/packet.h \
	%D%/packet/promisc.c %D%/packet/promisc.h
