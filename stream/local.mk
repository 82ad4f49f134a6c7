noinst_LIBRARIES += %D%/libstream.a
%C%_libstream_a_SOURCES = %D%/community.c %D%/community.h \
	%D%/count.c %D%/count.h %D%/cover.c %D%/cover.h \
	%D%/decode.c %D%/decode.h %D%/dedup.c %D%/dedup.h \
	%D%/defrag.c %D%/defrag.h %D%/flow.c %D%/flow.h %D%/key.h \
	%D%/life.c %D%/life.h %D%/links.c %D%/links.h \
	%D%/nat.c %D%/nat.h %D%/place.c %D%/place.h \
	%D%/relay.c %D%/relay.h %D%/tunnel.c %D%/tunnel.h \
	%D%/report.c %D%/report.h %D%/slots.c %D%/slots.h \
	%D%/stream.c %D%/stream.h %D%/tally.c %D%/tally.h \
	%D%/tracker.c %D%/tracker.h
