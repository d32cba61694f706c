#!/bin/busybox sh
# shellcheck shell=dash
# First process of xapid's demo guest. On each of its consoles (serial line, Xen's console, screen) it says:
#   xapid demo guest: ready ADDRESS      once, when it is up; "none" without demo.ip=ADDRESS/BITS on the kernel's line
#   xapid demo guest: disk vda 64 MiB    for every disk that appears, once its first sector was read (and "... gone")
#   xapid demo guest: nic eth0 MAC       for every network interface that appears; it is brought up (and "... gone")
#   xapid demo guest: key a              for every key pressed on the keyboard of the screen
#   xapid demo guest: tick N             every ten seconds (demo.tick=SECONDS; 0: never)
#   xapid demo guest: poweroff | reboot  when the power button, Xen or a person asks for it
# and has a shell.
/bin/busybox mkdir -p /proc /sys /dev /root
/bin/busybox --install -s /bin
export PATH=/sbin:/bin HOME=/root TERM=linux
cd /root || exit
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
for module in /modules/*; do insmod "$module" 2>/dev/null; done

read -r consoles </sys/class/tty/console/active
say() { for console in $consoles; do echo "xapid demo guest: $*" >"/dev/$console"; done; }
option() { tr ' ' '\n' </proc/cmdline | sed -n "s/^demo\.$1=//p"; }

input_called() { # $1: pattern for a name. Prints the path of the first input device that is called so.
    for event in /sys/class/input/event*; do
        read -r name <"$event/device/name" || continue
        # shellcheck disable=SC2254
        case "$name" in $1) echo "/dev/input/${event##*/}"; return ;; esac
    done
}

# An event is 24 bytes: time (16), type, code (2 each), value (4). Type 1 with value 1 is a key going down.
next_key() { # Prints the code of the next key pressed on the input device it reads.
    # shellcheck disable=SC2046
    while set -- $(dd bs=24 count=1 2>/dev/null | od -An -v -tu2) && [ $# = 12 ]; do
        [ "$9" = 1 ] && [ "${11}" = 1 ] && { echo "${10}"; return; }
    done
    return 1
}

keys="esc 1 2 3 4 5 6 7 8 9 0 minus equal backspace tab q w e r t y u i o p leftbrace rightbrace enter leftctrl \
a s d f g h j k l semicolon apostrophe grave leftshift backslash z x c v b n m comma dot slash rightshift kpasterisk \
leftalt space"
say_keys() {
    while code=$(next_key); do
        name=$(echo "$keys" | cut -d ' ' -f "$code")
        say "key ${name:-$code}"
    done
}

watch() { # $1: seconds between ticks. Forks as little as it can: an emulated processor is slow.
    known=" "
    seconds=0
    while :; do
        now=" "
        for path in /sys/class/net/eth* /sys/block/vd* /sys/block/xvd*; do
            [ -e "$path" ] || continue
            device=${path##*/}
            now="$now$device "
            case "$known" in *" $device "*) ;; *) appeared "$path" "$device" ;; esac
        done
        for device in $known; do
            case "$now" in *" $device "*) ;; *) say "$device gone" ;; esac
        done
        known=$now
        sleep 1
        seconds=$((seconds + 1))
        [ "$1" != 0 ] && [ $((seconds % $1)) = 0 ] && say "tick $((seconds / $1))"
    done
}

appeared() { # $1: its path in sysfs, $2: its name
    case "$2" in
        eth*)
            ip link set "$2" up
            [ "$2" = eth0 ] && [ -n "$address" ] && ip address replace "$address" dev eth0
            read -r mac <"$1/address"
            say "nic $2 $mac" ;;
        *)
            read -r sectors <"$1/size"
            if dd if="/dev/$2" of=/dev/null bs=512 count=1 2>/dev/null; then
                say "disk $2 $((sectors / 2048)) MiB"
            else
                say "disk $2 cannot be read"
            fi ;;
    esac
}

address=$(option ip)
ticks=$(option tick)
# Opened before the first line is said: whoever presses the button after reading it shall be heard.
button=$(input_called "Power Button")
keyboard=$(input_called "*[Kk]eyboard*")
[ -n "$button" ] && exec 3<"$button"
[ -n "$keyboard" ] && exec 4<"$keyboard"
say "ready ${address:-none}"
[ -n "$button" ] && { next_key <&3 >/dev/null && /sbin/poweroff; } &
[ -n "$keyboard" ] && say_keys <&4 &
watch "${ticks:-10}" &
# "tty0" is whichever screen is shown; a shell wants one of its own.
for console in $consoles; do
    [ "$console" = tty0 ] && console=tty1
    while :; do setsid sh -c "exec sh -i <>/dev/$console >&0 2>&1"; done &
done
while :; do wait; sleep 60; done
