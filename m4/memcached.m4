dnl What configure.ac asks for more than once.

dnl MC_REFUSE_FEATURE(NAME, WHAT): --enable-NAME ends configure; --disable-NAME is what is built.
AC_DEFUN([MC_REFUSE_FEATURE], [
    AC_ARG_ENABLE([$1], [AS_HELP_STRING([--disable-$1], [leave out $2 (not built; enabling it is refused)])],
        [AS_IF([test "x$enableval" != xno],
            [AC_MSG_ERROR([--enable-$1: this server does not have $2; leave the option out])])])
])

dnl MC_ACCEPT_FEATURE(NAME, WHAT): --enable-NAME and --disable-NAME are taken and change nothing.
AC_DEFUN([MC_ACCEPT_FEATURE], [
    AC_ARG_ENABLE([$1], [AS_HELP_STRING([--enable-$1], [$2])],
        [AC_MSG_NOTICE([--enable-$1=$enableval changes nothing here])])
])

dnl MC_ADD_CFLAGS(FLAGS): adds those that the compiler knows to BUILD_CFLAGS.
AC_DEFUN([MC_ADD_CFLAGS], [
    for mc_flag in $1; do
        AC_MSG_CHECKING([whether $CC takes $mc_flag])
        mc_saved_cflags=$CFLAGS
        CFLAGS="$mc_flag"
        AC_COMPILE_IFELSE([AC_LANG_SOURCE([[int main(void) { return 0; }]])],
            [AC_MSG_RESULT([yes])
             BUILD_CFLAGS="$BUILD_CFLAGS $mc_flag"],
            [AC_MSG_RESULT([no])])
        CFLAGS=$mc_saved_cflags
    done
])

dnl MC_SANITIZE(FLAGS, OPTION): compiles and links everything with FLAGS, or ends naming OPTION.
AC_DEFUN([MC_SANITIZE], [
    AC_MSG_CHECKING([whether $CC takes $1])
    mc_saved_cflags=$CFLAGS
    CFLAGS="$1"
    AC_LINK_IFELSE([AC_LANG_SOURCE([[int main(void) { return 0; }]])],
        [AC_MSG_RESULT([yes])],
        [AC_MSG_RESULT([no])
         AC_MSG_ERROR([$2: $CC cannot build with $1 (clang on Debian needs libclang-rt-dev)])])
    CFLAGS=$mc_saved_cflags
    BUILD_CFLAGS="$BUILD_CFLAGS $1 -fno-omit-frame-pointer"
    BUILD_LDFLAGS="$BUILD_LDFLAGS $1"
])

dnl MC_FIND_LIBRARY(VAR, MODULE >= VERSION, WHERE, HEADER, LIBRARY, FUNCTION): sets have_VAR to yes
dnl or no, and VAR_CFLAGS and VAR_LIBS. WHERE is yes or a folder that holds include and lib. Asks
dnl pkg-config where it is installed, else tries to link.
AC_DEFUN([MC_FIND_LIBRARY], [
    AC_ARG_VAR([$1_CFLAGS], [compiler flags for $5, instead of those found])
    AC_ARG_VAR([$1_LIBS], [linker flags for $5, instead of those found])
    have_$1=no
    AC_MSG_CHECKING([for $2])
    AS_IF([test "x$$1_CFLAGS$$1_LIBS" != x], [have_$1=given],
        [test "x$3" != xyes && test "x$3" != xno && test "x$3" != x], [
            $1_CFLAGS="-I$3/include"
            $1_LIBS="-L$3/lib -Wl,-rpath,$3/lib -l$5"
            have_$1=given],
        [test "x$PKG_CONFIG" != x && $PKG_CONFIG --exists "$2" 2>/dev/null], [
            $1_CFLAGS=`$PKG_CONFIG --cflags "$2"`
            $1_LIBS=`$PKG_CONFIG --libs "$2"`
            have_$1=found],
        [$1_LIBS=-l$5])
    mc_saved_cppflags=$CPPFLAGS
    mc_saved_libs=$LIBS
    CPPFLAGS="$CPPFLAGS $$1_CFLAGS"
    LIBS="$$1_LIBS $PTHREAD_LIBS $LIBS"
    AS_IF([test "x$have_$1" = xgiven && test "x$3" != xyes && test ! -r "$3/include/$4"],
        [have_$1=no],
        [AC_LINK_IFELSE([AC_LANG_PROGRAM([[#include <$4>]], [[return (void *)$6 == (void *)0;]])],
            [have_$1=yes], [have_$1=no])])
    CPPFLAGS=$mc_saved_cppflags
    LIBS=$mc_saved_libs
    AC_MSG_RESULT([$have_$1])
])
