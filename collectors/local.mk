noinst_LIBRARIES += %D%/libcollectors.a
%C%_libcollectors_a_SOURCES = %D%/collector.h \
	%D%/collectors.c %D%/collectors.h
%C%_libcollectors_a_SOURCES += %D%/link/link.c %D%/link/link.h
%C%_libcollectors_a_SOURCES += %D%/conntrack/conntrack.c \
	%D%/conntrack/conntrack.h
%C%_libcollectors_a_SOURCES += %D%/packet/packet.c %D%/packet/packet.h \
	%D%/packet/promisc.c %D%/packet/promisc.h \
	%D%/packet/filter.c %D%/packet/filter.h \
	%D%/packet/ring.c %D%/packet/ring.h \
	%D%/packet/loopback.c %D%/packet/loopback.h
%C%_libcollectors_a_SOURCES += \
	%D%/audit/address.c %D%/audit/address.h \
	%D%/audit/arguments.c %D%/audit/arguments.h \
	%D%/audit/assemble.c %D%/audit/assemble.h \
	%D%/audit/audit.c %D%/audit/audit.h \
	%D%/audit/conf.c %D%/audit/conf.h \
	%D%/audit/control.c %D%/audit/control.h \
	%D%/audit/describe.c %D%/audit/describe.h \
	%D%/audit/files.c %D%/audit/files.h \
	%D%/audit/job.c %D%/audit/job.h \
	%D%/audit/kernel.c %D%/audit/kernel.h \
	%D%/audit/network.c %D%/audit/network.h \
	%D%/audit/notices.c %D%/audit/notices.h \
	%D%/audit/paths.c %D%/audit/paths.h \
	%D%/audit/record.c %D%/audit/record.h \
	%D%/audit/rules.c %D%/audit/rules.h \
	%D%/audit/rules_table.c %D%/audit/rules_table.h \
	%D%/audit/self.c %D%/audit/self.h \
	%D%/audit/serials.c %D%/audit/serials.h \
	%D%/audit/syscalls.c %D%/audit/syscalls.h \
	%D%/audit/value.c %D%/audit/value.h
%C%_libcollectors_a_SOURCES += %D%/proc/proc.c %D%/proc/proc.h
