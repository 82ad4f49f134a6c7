# One line per test: unit_tests += %D%/test_x
unit_tests += %D%/test_proc
