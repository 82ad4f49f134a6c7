# One line per test: unit_tests += %D%/test_x
unit_tests += %D%/test_bulk
unit_tests += %D%/test_elasticsearch
%C%_test_elasticsearch_SOURCES = %D%/test_elasticsearch.c \
	%D%/mock.c %D%/mock.h
unit_tests += %D%/test_containers
unit_tests += %D%/test_explain
unit_tests += %D%/test_query
unit_tests += %D%/test_store
unit_tests += %D%/test_tree
unit_tests += %D%/test_writer
EXTRA_DIST += %D%/scratch.h %D%/shelf.h tests/support/mock_es.py
