# shellcheck shell=sh
# Read by the tests of several hosts: namespaces that stand for a host, on one machine.

# Where they cannot be made, says so.
hosts() {
    # As root, or as one in a namespace of users.
    for as in '' --map-root-user; do
        # shellcheck disable=SC2086
        unshare $as --uts --pid --fork --mount-proc hostname far 2>/dev/null && export HOSTS_AS="$as" && return
    done
    echo "# skip no host names or processes of its own can be had here (unshare)"
    return 1
}

# In a session of its own; what it was started with by & is the host.
on() { # HOST COMMAND...
    host_name=$1
    shift
    # shellcheck disable=SC2016,SC2086
    exec setsid unshare $HOSTS_AS --uts --pid --fork --mount-proc --kill-child sh -c 'hostname "$1" && shift && "$@"' sh "$host_name" "$@"
}

# Ends all processes of a host at once.
power_off() { # PROCESS
    kill -s KILL "$1"
    while [ -e "/proc/$1/stat" ] && ! grep -q ') Z ' "/proc/$1/stat" 2>/dev/null; do sleep 0.05; done
    # Those within die with the first of them, a moment later.
    sleep 0.3
}
