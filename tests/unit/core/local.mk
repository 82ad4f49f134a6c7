# One line per test: unit_tests += %D%/test_x
unit_tests += %D%/test_event
unit_tests += %D%/test_ledger
unit_tests += %D%/test_loop
unit_tests += %D%/test_pipeline
unit_tests += %D%/test_queue
