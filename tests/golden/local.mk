# One line per test: sh_tests += %D%/x.sh
