noinst_LIBRARIES += %D%/librules.a
%C%_librules_a_SOURCES =

# Content: what is installed under $(pkgdatadir)/rules.
sigmadir = $(pkgdatadir)/rules/sigma
dist_sigma_DATA =
networkrulesdir = $(pkgdatadir)/rules/network
dist_networkrules_DATA =
auditrulesdir = $(pkgdatadir)/rules/audit
dist_auditrules_DATA =
