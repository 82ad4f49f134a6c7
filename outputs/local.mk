noinst_LIBRARIES += %D%/liboutputs.a
%C%_liboutputs_a_SOURCES = \
	%D%/bulk.c %D%/bulk.h \
	%D%/container_sums.c %D%/container_sums.h \
	%D%/db.c %D%/db.h \
	%D%/doctext.c %D%/doctext.h \
	%D%/elasticsearch.c %D%/elasticsearch.h \
	%D%/explain.c %D%/explain.h %D%/explain_gaps.c \
	%D%/file.c %D%/file.h \
	%D%/flow_filter.c %D%/flow_filter.h \
	%D%/http.c %D%/http.h \
	%D%/option.c %D%/option.h \
	%D%/output.h \
	%D%/outputs.c %D%/outputs.h \
	%D%/query.c %D%/query.h %D%/query_private.h \
	%D%/query_container.c %D%/query_containers.c %D%/query_explain.c %D%/query_tree.c \
	%D%/query_table.c %D%/query_table.h \
	%D%/reader.c %D%/reader.h \
	%D%/sender.c %D%/sender.h \
	%D%/sorter.c %D%/sorter.h \
	%D%/store.c %D%/store.h %D%/store_private.h \
	%D%/store_file.c %D%/store_prune.c \
	%D%/template.c %D%/template.h \
	%D%/termtext.c %D%/termtext.h \
	%D%/tree.c %D%/tree.h %D%/tree_private.h \
	%D%/tree_json.c %D%/tree_link.c \
	%D%/tree_print.c %D%/tree_print.h \
	%D%/writer.c %D%/writer.h %D%/writer_private.h \
	%D%/writer_batch.c
dist_man_MANS += %D%/tallyman-outputs.5
