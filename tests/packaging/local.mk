# One line per test: host_tests += %D%/x.sh
