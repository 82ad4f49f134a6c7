# One line per test: unit_tests += %D%/test_x
unit_tests += %D%/test_proc
unit_tests += %D%/test_audit_assemble
unit_tests += %D%/test_audit_kernel
unit_tests += %D%/test_audit_describe
unit_tests += %D%/test_audit_paths
unit_tests += %D%/test_audit_record
unit_tests += %D%/test_audit_rules
EXTRA_DIST += %D%/audit_support.h %D%/data
if HAVE_AUPARSE
unit_tests += %D%/test_audit_auparse
%C%_test_audit_auparse_LDADD = $(LDADD) $(AUPARSE_LIBS)
endif
unit_tests += %D%/test_ring
unit_tests += %D%/test_packet
%C%_test_packet_LDADD = $(top_builddir)/tests/unit/stream/libworld.a $(LDADD)
unit_tests += %D%/test_conntrack
unit_tests += %D%/test_link
