noinst_LIBRARIES += %D%/libcollectors.a
%C%_libcollectors_a_SOURCES =
