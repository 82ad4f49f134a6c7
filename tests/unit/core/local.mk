# One line per test: unit_tests += %D%/test_x
unit_tests += %D%/test_conf
unit_tests += %D%/test_event
unit_tests += %D%/test_ledger
unit_tests += %D%/test_loop
unit_tests += %D%/test_memory
unit_tests += %D%/test_pipeline
unit_tests += %D%/test_queue
%C%_test_memory_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=malloc \
	-Wl,--wrap=calloc -Wl,--wrap=realloc
