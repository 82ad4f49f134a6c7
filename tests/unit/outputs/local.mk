# One line per test: unit_tests += %D%/test_x
unit_tests += %D%/test_query
unit_tests += %D%/test_store
unit_tests += %D%/test_writer
EXTRA_DIST += %D%/scratch.h
