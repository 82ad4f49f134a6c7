# A target is two lines, a source %D%/fuzz_x.c and a corpus %D%/corpus/x/:
#   fuzz_targets += %D%/fuzz_x
#   %C%_fuzz_x_LDADD = $(FUZZ_LIBS)

if FUZZING
FUZZ_LIBS = $(TALLYMAN_LIBS) $(EXTERNAL_LIBS) $(FUZZ_ENGINE)
else
check_LIBRARIES += %D%/libreplay.a
FUZZ_LIBS = %D%/libreplay.a $(TALLYMAN_LIBS) $(EXTERNAL_LIBS)
endif
%C%_libreplay_a_SOURCES = %D%/replay.c

fuzz_targets += %D%/fuzz_bulk
%C%_fuzz_bulk_LDADD = $(FUZZ_LIBS)
fuzz_targets += %D%/fuzz_termtext
%C%_fuzz_termtext_LDADD = $(FUZZ_LIBS)

sh_tests += %D%/replay.sh
EXTRA_DIST += %D%/corpus
fuzz_targets += %D%/fuzz_conf
%C%_fuzz_conf_LDADD = $(FUZZ_LIBS)
fuzz_targets += %D%/fuzz_json
%C%_fuzz_json_LDADD = $(FUZZ_LIBS)

fuzz_targets += %D%/fuzz_decode %D%/fuzz_path %D%/fuzz_stream
%C%_fuzz_decode_LDADD = $(FUZZ_LIBS)
%C%_fuzz_path_LDADD = $(FUZZ_LIBS)
%C%_fuzz_stream_LDADD = $(FUZZ_LIBS)

fuzz_targets += %D%/fuzz_sigma
%C%_fuzz_sigma_LDADD = $(FUZZ_LIBS)

fuzz_targets += %D%/fuzz_docker
%C%_fuzz_docker_LDADD = $(FUZZ_LIBS)

fuzz_targets += %D%/fuzz_audit
%C%_fuzz_audit_LDADD = $(FUZZ_LIBS)

fuzz_targets += %D%/fuzz_capfile
%C%_fuzz_capfile_LDADD = $(FUZZ_LIBS)
