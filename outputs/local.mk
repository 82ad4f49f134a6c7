noinst_LIBRARIES += %D%/liboutputs.a
%C%_liboutputs_a_SOURCES =
