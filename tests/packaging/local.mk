# One line per test: host_tests += %D%/x.sh
# The .rpm is compared with the .deb, so it comes after it.
host_tests += %D%/deb.sh %D%/rpm.sh
EXTRA_DIST += %D%/root.sh %D%/fresh-root.sh

tests/packaging/rpm.log: tests/packaging/deb.log

# Both commands of the README in a fresh Debian; by hand, it takes long.
check-fresh:
	$(srcdir)/%D%/fresh-root.sh

.PHONY: check-fresh
