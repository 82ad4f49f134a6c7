noinst_LIBRARIES += %D%/libtm.a
%C%_libtm_a_SOURCES =
