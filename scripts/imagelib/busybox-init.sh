#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# First process of the busybox image. Kernel parameters it reads:
#   lamina.run="COMMAND"   run COMMAND, print "LAMINA-EXIT <status>", end
#   lamina.end=WHAT        how to end: poweroff (default), reboot, halt, panic
# Without lamina.run it starts a shell on the console and ends with it.

export PATH=/bin HOME=/ TERM="${TERM:-linux}"
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev 2>/dev/null
mkdir -p /dev/pts
mount -t devpts devpts /dev/pts

value() {
	sed -n -e "s/.*lamina\\.$1=\"\\([^\"]*\\)\".*/\\1/p" \
	    -e "s/.*\"lamina\\.$1=\\([^\"]*\\)\".*/\\1/p" \
	    -e "s/.*lamina\\.$1=\\([^\" ]*\\).*/\\1/p" /proc/cmdline | head -n 1
}

finish() {
	case "$(value end)" in
	reboot) reboot -f ;;
	halt) halt -f ;;
	panic) echo c >/proc/sysrq-trigger ;;
	*) poweroff -f ;;
	esac
	# Not reached; a first process that returns is a kernel panic.
	sleep 3600
}

# The power button: an ACPI event wakes a reader of the input device.
power_button() {
	for dev in /sys/class/input/event*; do
		[ "$(cat "$dev/device/name" 2>/dev/null)" = "Power Button" ] ||
			continue
		dd if="/dev/input/${dev##*/}" bs=24 count=1 of=/dev/null \
			2>/dev/null && echo LAMINA-POWER-BUTTON && finish
	done
}
power_button &

echo "LAMINA-BUSYBOX-READY"
cmd=$(value run)
if [ -n "$cmd" ]; then
	sh -c "$cmd"
	echo "LAMINA-EXIT $?"
else
	setsid cttyhack sh
fi
finish
