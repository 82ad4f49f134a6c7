# One line per test: host_tests += %D%/x.sh
host_tests += %D%/00-testhost.sh
host_tests += %D%/10-story.sh
host_tests += %D%/20-attribution.sh
host_tests += %D%/30-plain-classes.sh
host_tests += %D%/40-faults.sh
EXTRA_DIST += tests/support/host.sh tests/support/testhost \
	tests/support/traffic.c tests/support/sender.c \
	tests/support/hard.sh
host_tests += %D%/15-audit.sh
check_helpers += %D%/audit_live
host_tests += %D%/50-backend.sh
host_tests += %D%/25-flow-process.sh
host_tests += %D%/31-bridges.sh
EXTRA_DIST += tests/support/classes.sh tests/support/pcap_flows.py
host_tests += %D%/33-hard.sh
host_tests += %D%/33-relays.sh
host_tests += %D%/26-flow-container.sh
host_tests += %D%/34-loss.sh
host_tests += %D%/21-scenarios.sh
EXTRA_DIST += tests/support/prober.c tests/support/scenarios.sh
host_tests += %D%/22-restarts.sh
host_tests += %D%/16-coexistence.sh
EXTRA_DIST += tests/support/auditd.sh tests/support/fake_kernel.c
host_tests += %D%/17-audit-loss.sh
host_tests += %D%/32-paths.sh
host_tests += %D%/33-hairpin.sh
host_tests += %D%/34-inside.sh
