noinst_LIBRARIES += %D%/libcore.a
%C%_libcore_a_SOURCES = \
	%D%/conf.c %D%/conf.h \
	%D%/conf_diff.c \
	%D%/conf_value.c %D%/conf_value.h \
	%D%/conf_write.c \
	%D%/conf_yaml.c %D%/conf_yaml.h \
	%D%/event.c %D%/event.h \
	%D%/event_json.c \
	%D%/field.c %D%/fields.def \
	%D%/ledger.c %D%/ledger.h \
	%D%/loop.c %D%/loop.h \
	%D%/method.c %D%/method.h %D%/methods.def \
	%D%/pipeline.c %D%/pipeline.h \
	%D%/queue.c %D%/queue.h
