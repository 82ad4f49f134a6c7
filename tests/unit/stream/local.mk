check_LIBRARIES += %D%/libworld.a
%C%_libworld_a_SOURCES = %D%/world.c %D%/world.h
WORLD_LIBS = %D%/libworld.a $(LDADD)

unit_tests += %D%/test_classes
%C%_test_classes_LDADD = $(WORLD_LIBS)
unit_tests += %D%/test_hard
%C%_test_hard_LDADD = $(WORLD_LIBS)
unit_tests += %D%/test_property
%C%_test_property_LDADD = $(WORLD_LIBS)
unit_tests += %D%/test_community %D%/test_cover %D%/test_decode \
	%D%/test_dedup
unit_tests += %D%/test_nat
unit_tests += %D%/test_report
%C%_test_report_LDADD = $(WORLD_LIBS)
unit_tests += %D%/test_relay
%C%_test_relay_LDADD = $(WORLD_LIBS)
unit_tests += %D%/test_segments
%C%_test_segments_LDADD = $(WORLD_LIBS)
unit_tests += %D%/test_tunnel
%C%_test_tunnel_LDADD = $(WORLD_LIBS)
unit_tests += %D%/test_late
%C%_test_late_LDADD = $(WORLD_LIBS)
