# One line per test: unit_tests += %D%/test_x
unit_tests += %D%/test_process
%C%_test_process_SOURCES = %D%/test_process.c %D%/bench.c %D%/bench.h
EXTRA_DIST += %D%/data
