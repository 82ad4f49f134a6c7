# One line per test: host_tests += %D%/x.sh
host_tests += %D%/00-testhost.sh
EXTRA_DIST += tests/support/host.sh tests/support/testhost \
	tests/support/traffic.c
