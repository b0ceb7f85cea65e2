#!/bin/sh
# trim.sh: take out of a Debian with Python what installs, configures and develops, which no program of an image uses.
# Left are licenses, dpkg's list of packages for scanners, and what `kubectl exec` and `kubectl cp` need: sh, bash, tar and the rest
# of coreutils, util-linux, findutils, grep and sed.
set -eu
# In this order: perl last, because scripts of the others run it. Not openssl: its links lead libraries to the CA bundle.
PACKAGES="adduser apt debian-archive-keyring gpgv libapt-pkg6.0 e2fsprogs logsave libext2fs2 libss2 mount passwd login
  libpam-runtime libpam-modules libpam-modules-bin util-linux-extra bsdutils ncurses-bin sysvinit-utils init-system-helpers
  diffutils usr-is-merged usrmerge sensible-utils libdb5.3 debconf perl-base"
for package in $PACKAGES; do
  if dpkg-query --show --showformat '${db:Status-Abbrev}' "$package" 2>/dev/null | grep -q '^ii'; then
    dpkg --purge --force-all "$package"
  fi
done
find /usr/bin /usr/sbin -name 'dpkg*' -delete
find /var/lib/dpkg/info -type f -not -name '*.list' -not -name '*.md5sums' -not -name format -delete
rm -rf /usr/lib/dpkg /usr/share/dpkg /var/lib/dpkg/*-old /var/lib/apt /var/cache/* /var/log/*
# Tables of iconv, which Python does not use, and what other packages have for programs that are gone.
rm -rf /usr/lib/*/gconv /usr/share/bash-completion /usr/share/lintian /usr/share/pam* /usr/share/perl* /usr/share/debconf /usr/share/gcc

for library in /usr/lib/python3.[0-9]* /usr/local/lib/python3.[0-9]*; do
  [ -e "$library/os.py" ] || continue
  rm -rf "$library"/test "$library"/idlelib "$library"/turtledemo "$library"/tkinter "$library"/lib2to3 "$library"/ensurepip \
    "$library"/pydoc_data "$library"/lib-dynload/_test* "$library"/lib-dynload/*xx* "$library"/site-packages/*
  # Debian's bytecode is compared with the time of its source, which packing changes, and docker's image of Python has none:
  # without this, each start compiles the library again. -f: also what this very start has compiled.
  python3 -m compileall -q -f --invalidation-mode unchecked-hash "$library"
done
rm -f /usr/local/bin/pip* /usr/local/bin/wheel /usr/local/bin/idle* /usr/local/bin/2to3* /usr/local/bin/pydoc*
