#!/bin/sh
# deb.sh: the Debian package of what make install puts into /usr. Environment: MAKE, B.
VERSION=$(sed -n 's/.*"\([0-9.]*\)".*/\1/p' src/base/version.h)
. mk/lib.sh
command -v dpkg-shlibdeps >/dev/null || die 1 "dpkg-shlibdeps is missing, which tells what a package needs: apt-get install dpkg-dev"
root=$B/deb/root arch=$(dpkg --print-architecture) who="${DEBFULLNAME:-yolosens} <${DEBEMAIL:-yolosens@packages.debian.org}>"
doc=$root/usr/share/doc/yolosens
rm -rf "$B/deb" && mkdir -p "$root/DEBIAN" "$doc" "$B/deb/debian" && "$MAKE" -s --no-print-directory install DESTDIR="$root" PREFIX=/usr >/dev/null || exit 1
find "$root/usr/bin" -type f ! -name yolosens -exec strip --remove-section=.comment --remove-section=.note {} + || exit 1
# What builds and tests stays in the repository.
(cd "$root/usr/share/yolosens/mk" && rm -f deb.* deps.* fuzz* cuda* man.sh test.mk bench.mk install.mk toolchain.mk yolosens.sh completion.bash packages.txt)
help2man --no-info --name='maps of what quantization does to YOLO detectors' -o "$root/usr/share/man/man1/yolosens.1" "$root/usr/bin/yolosens" || exit 1
gzip -9n "$root"/usr/share/man/man1/*.1
printf 'yolosens (%s) unstable; urgency=medium\n\n  * This release.\n\n -- %s  %s\n' "$VERSION" "$who" "$(date -R -r CHANGELOG.md)" | gzip -9n >"$doc/changelog.gz"
{
    printf 'Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\nFiles: *\nCopyright: the authors of yolosens\nLicense: AGPL-3\n'
    sed 's/^$/./; s/^/ /' LICENSE
} >"$doc/copyright"
printf 'Source: yolosens\n\nPackage: yolosens\nArchitecture: any\n' >"$B/deb/debian/control"
needs=$(cd "$B/deb" && dpkg-shlibdeps -O root/usr/bin/[!y]* 2>/dev/null | sed -n 's/^shlibs:Depends=//p')
cat >"$root/DEBIAN/control" <<TEXT
Package: yolosens
Version: $VERSION
Architecture: $arch
Maintainer: $who
Installed-Size: $(du -sk "$root/usr" | cut -f1)
Depends: $needs, make, jq
Section: science
Priority: optional
Description: maps of what quantization does to YOLO detectors
 Scores, for a grid of weight and activation formats, how much each
 convolution of a YOLO detector is hurt by quantization, measures it, and
 writes what tells a runtime to leave the worst layers alone.
TEXT
(cd "$root" && find usr -type f -print0 | LC_ALL=C sort -z | xargs -0 md5sum) >"$root/DEBIAN/md5sums"
dpkg-deb -Zxz --root-owner-group --build "$root" "$B/yolosens_${VERSION}_$arch.deb" >/dev/null && echo "$B/yolosens_${VERSION}_$arch.deb"
