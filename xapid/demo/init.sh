#!/bin/busybox sh
# shellcheck shell=dash
# First process of xapid's demo guest. On each of its consoles (serial line, Xen's console, screen) it says:
#   xapid demo guest: ready ADDRESS      once, when it is up; "none" without demo.ip=ADDRESS/BITS on the kernel's line
#   xapid demo guest: disk vda 64 MiB    for every disk that appears, once its first sector was read (and "... gone")
#   xapid demo guest: nic eth0 MAC       for every network interface that appears; it is brought up (and "... gone")
#   xapid demo guest: address eth0 A/N   once that interface has an address: demo.ip for the first, else of a DHCP server, or,
#                                        where none answers, one of 169.254.0.0/16 that follows from its MAC
#   xapid demo guest: key a              for every key pressed on the keyboard of the screen
#   xapid demo guest: tick N             every ten seconds (demo.tick=SECONDS; 0: never)
#   xapid demo guest: poweroff | reboot  when the power button, Xen or a person asks for it
# and has a shell. QEMU's agent, and under Xen xenstore, tell name, version and addresses.
/bin/busybox mkdir -p /proc /sys /dev /root /run
/bin/busybox --install -s /bin
export PATH=/sbin:/bin HOME=/root TERM=linux
cd /root || exit
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
for module in /modules/*; do insmod "$module" 2>/dev/null; done

read -r listed </sys/class/tty/console/active
# Some of those are not there, as the serial line of a guest under Xen: writing fails, and a shell on one would end at once, again and
# again, and take all of a processor.
consoles=$(for console in $listed; do echo >"/dev/$console" && echo "$console"; done 2>/dev/null)
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
            read -r mac <"$1/address"
            say "nic $2 $mac"
            if [ "$2" = eth0 ] && [ -n "$address" ]; then
                has_address eth0 "$address"
            else
                ask_for_address "$2" "$mac" &
            fi ;;
        *)
            read -r sectors <"$1/size"
            if dd if="/dev/$2" of=/dev/null bs=512 count=1 2>/dev/null; then
                say "disk $2 $((sectors / 2048)) MiB"
            else
                say "disk $2 cannot be read"
            fi ;;
    esac
}

has_address() { # $1: interface, $2: address/bits
    ip address replace "$2" dev "$1"
    say "address $1 $2"
    to_xenstore "attr/vif/${1#eth}/ipv4/0" "${2%/*}"
}

ask_for_address() { # $1: interface, $2: its MAC
    # Says the address itself, and goes on behind our back where it got one.
    udhcpc -n -t 3 -T 2 -i "$1" -s /sbin/dhcp >/dev/null 2>&1 && return
    # shellcheck disable=SC2046
    set -- "$1" $(echo "$2" | tr : ' ')
    # The last two bytes of the MAC; the first and the last 256 addresses are for others.
    has_address "$1" "169.254.$((1 + 0x$6 % 254)).$((0x$7))/16"
}

to_xenstore() { # Keys and values, below the folder of this domain.
    [ -e /dev/xen/xenbus ] && /sbin/xenstore write "$@" 2>/dev/null
}

keep_agent() { # Runs QEMU's agent where there is a port for it, again when it ended.
    for port in /sys/class/virtio-ports/*; do
        read -r name <"$port/name" || continue
        [ "$name" = org.qemu.guest_agent.0 ] || continue
        while :; do
            /sbin/qemu-ga -m virtio-serial -p "/dev/${port##*/}" -t /run >/dev/null 2>&1
            sleep 2
        done
    done
}

tell_xenstore() { # What agents of guests under Xen write.
    read -r kernel </proc/sys/kernel/osrelease
    to_xenstore data/os_name "xapid demo guest 1.0" data/os_distro xapid-demo data/os_majorver 1 data/os_minorver 0 \
        data/os_uname "$kernel" data/host_name_dns xapid-demo
}

hostname xapid-demo
address=$(option ip)
ticks=$(option tick)
# Opened before the first line is said: whoever presses the button after reading it shall be heard.
button=$(input_called "Power Button")
keyboard=$(input_called "*[Kk]eyboard*")
[ -n "$button" ] && exec 3<"$button"
[ -n "$keyboard" ] && exec 4<"$keyboard"
# Held open from now on: what is typed before a shell reads would be thrown away with the last who has a console open.
held=5
for console in $consoles; do
    [ "$console" = tty0 ] && console=tty1
    eval "exec $held<>/dev/$console"
    held=$((held + 1))
done
say "ready ${address:-none}"
[ -n "$button" ] && { next_key <&3 >/dev/null && /sbin/poweroff; } &
[ -n "$keyboard" ] && say_keys <&4 &
watch "${ticks:-10}" &
{ tell_xenstore; keep_agent; } 2>/dev/null &
# "tty0" is whichever screen is shown; a shell wants one of its own.
for console in $consoles; do
    [ "$console" = tty0 ] && console=tty1
    while :; do setsid sh -c "exec sh -i <>/dev/$console >&0 2>&1"; done &
done
while :; do wait; sleep 60; done
