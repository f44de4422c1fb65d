#!/bin/sh
# make deb: a package of which lintian says nothing, and whose yolosens works where it is unpacked.
. tests/checks.sh
here=$PWD dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
unset MAKEFLAGS MFLAGS MAKELEVEL
for tool in dpkg-shlibdeps dpkg-deb help2man lintian; do
    command -v $tool >/dev/null || { echo "# skip make deb: no $tool here" && exit 0; }
done
for f in Makefile mk src tools tests calib LICENSE CHANGELOG.md; do ln -s "$here/$f" "$dir/"; done
ln -s "$(realpath "${BUILD:-build}")" "$dir/build"
cd "$dir" || exit 1
make deb >out 2>err
equal "make deb" "$? $(tail -n 1 out | sed 's/_[^_]*\.deb/_ARCH.deb/') $(cat err)" "0 build/yolosens_$(build/bin/sens-score --version | sed -n '1s/.* //p')_ARCH.deb "
deb=$(tail -n 1 out)
equal "lintian is silent" "$(lintian "$deb" 2>&1 | grep -v 'root privileges')" ""
dpkg-deb -x "$deb" root
mkdir user && (cd user && "$dir/root/usr/bin/yolosens" plan MODELS=yolov10n WEIGHT_DTYPES=int8 ACT_DTYPES=int8) >out 2>err
equal "what it holds runs" "$? $(grep -c 'to do' out)" "0 2"
exit $failed
