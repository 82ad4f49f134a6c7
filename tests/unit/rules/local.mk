# One line per test: unit_tests += %D%/test_x
unit_tests += %D%/test_alert %D%/test_contact %D%/test_correlate %D%/test_glob \
	%D%/test_match %D%/test_rules %D%/test_shipped %D%/test_sigma
%C%_test_alert_SOURCES = %D%/test_alert.c $(rules_fixture)
%C%_test_contact_SOURCES = %D%/test_contact.c $(rules_fixture)
%C%_test_correlate_SOURCES = %D%/test_correlate.c $(rules_fixture)
%C%_test_match_SOURCES = %D%/test_match.c $(rules_fixture)
%C%_test_rules_SOURCES = %D%/test_rules.c $(rules_fixture)
%C%_test_shipped_SOURCES = %D%/test_shipped.c $(rules_fixture)
rules_fixture = %D%/fixture.c %D%/fixture.h
EXTRA_DIST += %D%/data
