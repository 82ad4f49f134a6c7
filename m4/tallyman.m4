# TM_TRY_CFLAG(VARIABLE, FLAG)
# Appends FLAG to VARIABLE when the C compiler takes it without a warning.
AC_DEFUN([TM_TRY_CFLAG], [
AS_VAR_PUSHDEF([tm_cache], [tm_cv_cflag_$2])
AC_CACHE_CHECK([whether $CC accepts $2], [tm_cache], [
	tm_saved_CFLAGS=$CFLAGS
	CFLAGS="$CFLAGS -Werror $2"
	AC_COMPILE_IFELSE([AC_LANG_PROGRAM([], [])],
	    [AS_VAR_SET([tm_cache], [yes])], [AS_VAR_SET([tm_cache], [no])])
	CFLAGS=$tm_saved_CFLAGS
])
AS_VAR_IF([tm_cache], [yes], [AS_VAR_APPEND([$1], [" $2"])])
AS_VAR_POPDEF([tm_cache])
])

# TM_TRY_LDFLAG(VARIABLE, FLAG)
# The same for a flag of the linker.
AC_DEFUN([TM_TRY_LDFLAG], [
AS_VAR_PUSHDEF([tm_cache], [tm_cv_ldflag_$2])
AC_CACHE_CHECK([whether the linker accepts $2], [tm_cache], [
	tm_saved_LDFLAGS=$LDFLAGS
	LDFLAGS="$LDFLAGS $2"
	AC_LINK_IFELSE([AC_LANG_PROGRAM([], [])],
	    [AS_VAR_SET([tm_cache], [yes])], [AS_VAR_SET([tm_cache], [no])])
	LDFLAGS=$tm_saved_LDFLAGS
])
AS_VAR_IF([tm_cache], [yes], [AS_VAR_APPEND([$1], [" $2"])])
AS_VAR_POPDEF([tm_cache])
])
