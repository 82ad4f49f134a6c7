# Lists that the folders below append to:
#   unit_tests     cmocka programs, %D%/test_x, source %D%/test_x.c
#   sh_tests       TAP scripts that any user can run
#   host_tests     TAP scripts that need root, Docker, kernel audit
#   fuzz_targets   see fuzz/local.mk
#   bench_scripts  what `make bench` runs
#   check_helpers  programs that a script needs, source of the same name
unit_tests =
sh_tests =
host_tests =
fuzz_targets =
bench_scripts =
check_helpers =

include tests/unit/lib/local.mk
include tests/unit/core/local.mk
include tests/unit/stream/local.mk
include tests/unit/enrich/local.mk
include tests/unit/rules/local.mk
include tests/unit/outputs/local.mk
include tests/unit/collectors/local.mk
include tests/unit/agent/local.mk
include tests/fuzz/local.mk
include tests/golden/local.mk
include tests/host/local.mk
include tests/bench/local.mk
include tests/packaging/local.mk
include tests/style/local.mk

if HAVE_CMOCKA
check_PROGRAMS += $(unit_tests)
TESTS += $(unit_tests)
else
TESTS += tests/support/no-cmocka.sh
endif
check_PROGRAMS += $(fuzz_targets) $(check_helpers)
TESTS += $(sh_tests)
if HOST_TESTS
TESTS += $(host_tests)
endif
dist_check_SCRIPTS += $(sh_tests) $(host_tests) $(bench_scripts) \
	tests/support/no-cmocka.sh
EXTRA_DIST += tests/support/tap.sh

TEST_EXTENSIONS = .sh
LOG_DRIVER = env AM_TAP_AWK='$(AWK)' $(SHELL) \
	$(top_srcdir)/build-aux/tap-driver.sh
SH_LOG_DRIVER = $(LOG_DRIVER)
# A test that hangs is a failed test, with time to clean up after itself.
LOG_COMPILER = timeout -k 60 600
SH_LOG_COMPILER = timeout -k 60 1200

# Absolute, because a test changes its directory as it likes.
AM_TESTS_ENVIRONMENT = \
	top_srcdir='$(abs_top_srcdir)'; export top_srcdir; \
	top_builddir='$(abs_top_builddir)'; export top_builddir; \
	fuzz_targets='$(fuzz_targets)'; export fuzz_targets; \
	CC='$(CC)'; export CC; \
	CHECK_CFLAGS='$(AM_CPPFLAGS) $(CPPFLAGS)'; export CHECK_CFLAGS; \
	CMOCKA_MESSAGE_OUTPUT=TAP; export CMOCKA_MESSAGE_OUTPUT;

# What "make check" builds, without running it.
# In two steps: "all" is a make of its own, and two would build one object.
check-programs: all
	$(MAKE) $(AM_MAKEFLAGS) $(check_LIBRARIES) $(check_PROGRAMS)

bench: all
	@$(AM_TESTS_ENVIRONMENT) for s in $(bench_scripts); do \
		"$(abs_srcdir)/$$s" || exit 1; \
	done

.PHONY: bench check-programs
