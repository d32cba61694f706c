#!/bin/busybox sh
# shellcheck shell=dash
# What udhcpc of the demo guest calls with what a DHCP server said, in variables: $ip, $mask (bits), $router, $interface.
case "$1" in
    bound | renew)
        # shellcheck disable=SC2154
        ip address replace "$ip/${mask:-24}" dev "$interface"
        # shellcheck disable=SC2154
        [ -n "$router" ] && ip route replace default via "${router%% *}" dev "$interface"
        [ -e /dev/xen/xenbus ] && /sbin/xenstore write "attr/vif/${interface#eth}/ipv4/0" "$ip" 2>/dev/null
        for console in $(cat /sys/class/tty/console/active); do
            [ "$1" = bound ] && echo "xapid demo guest: address $interface $ip/${mask:-24}" >"/dev/$console"
        done ;;
esac
exit 0
