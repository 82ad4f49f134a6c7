noinst_LIBRARIES += %D%/librules.a
%C%_librules_a_SOURCES = \
	%D%/alert/alert.c %D%/alert/alert.h \
	%D%/alert/contact.c %D%/alert/contact.h \
	%D%/alert/gaps.c %D%/alert/gaps.h \
	%D%/alert/reason.c %D%/alert/reason.h \
	%D%/alert/seen.c %D%/alert/seen.h \
	%D%/alert/target.c %D%/alert/target.h \
	%D%/correlate/correlate.c %D%/correlate/correlate.h \
	%D%/correlate/window.c %D%/correlate/window.h \
	%D%/files.c %D%/files.h \
	%D%/matcher/compile.c %D%/matcher/compile.h \
	%D%/matcher/matcher.c %D%/matcher/matcher.h \
	%D%/matcher/predicate.c %D%/matcher/predicate.h \
	%D%/matcher/trigger.c %D%/matcher/trigger.h \
	%D%/matcher/view.c %D%/matcher/view.h \
	%D%/rules.c %D%/rules.h \
	%D%/sigma/attack.c %D%/sigma/attack.h \
	%D%/sigma/condition.c %D%/sigma/condition.h \
	%D%/sigma/correlation.c \
	%D%/sigma/detection.c %D%/sigma/detection.h \
	%D%/sigma/encode.c %D%/sigma/encode.h \
	%D%/sigma/expr.c %D%/sigma/expr.h \
	%D%/sigma/field.c %D%/sigma/field.h \
	%D%/sigma/glob.c %D%/sigma/glob.h \
	%D%/sigma/link.c \
	%D%/sigma/logsource.c %D%/sigma/logsource.h \
	%D%/sigma/meta.c %D%/sigma/meta.h \
	%D%/sigma/modifier.c %D%/sigma/modifier.h \
	%D%/sigma/report.c %D%/sigma/report.h \
	%D%/sigma/sigma.c %D%/sigma/sigma.h \
	%D%/sigma/value.c %D%/sigma/value.h \
	%D%/sigma/ytree.c %D%/sigma/ytree.h \
	%D%/text.c %D%/text.h

# Content: what is installed under $(pkgdatadir)/rules.
sigmadir = $(pkgdatadir)/rules/sigma
dist_sigma_DATA = \
	%D%/sigma/container_copy_tool.yml \
	%D%/sigma/container_docker_sock.yml \
	%D%/sigma/container_escape.yml \
	%D%/sigma/container_package_manager.yml \
	%D%/sigma/container_shell_by_exec.yml \
	%D%/sigma/container_volume_out.yml \
	%D%/sigma/credentials.yml \
	%D%/sigma/defense_evasion.yml \
	%D%/sigma/docker_copies.yml \
	%D%/sigma/execution.yml \
	%D%/sigma/exfiltration_tools.yml \
	%D%/sigma/host_copy_tool.yml \
	%D%/sigma/network.yml \
	%D%/sigma/stories.yml
networkrulesdir = $(pkgdatadir)/rules/network
dist_networkrules_DATA =
auditrulesdir = $(pkgdatadir)/rules/audit
dist_auditrules_DATA =

dist_man_MANS += %D%/tallyman-rules.5
