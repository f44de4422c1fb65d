# shellcheck shell=sh disable=SC2154
# Read by tests after tests/sandbox.sh and tests/cluster/host.sh: a Slurm of this machine's own, on ports and with files of its own, that
# knows two hosts of four processors, node1 and node2. Their processes are ended when the test ends.

# Where it cannot be, says so.
slurm_start() {
    for tool in slurmctld slurmd munged srun; do
        PATH=$PATH:/usr/sbin command -v $tool >/dev/null || { echo "# skip Slurm is not here, or not all of it: $tool (make deps test-long, on Debian)" && return 1; }
    done
    [ "$(id -u)" -eq 0 ] || { echo "# skip Slurm's daemons start jobs as root, which this is not" && return 1; }
    hosts || return 1
    PATH=$PATH:/usr/sbin
    cluster=$sandbox/slurm
    port=$((20000 + $$ % 10000))
    mkdir -p "$cluster/munge" "$cluster/state" "$cluster/node1" "$cluster/node2"
    # munged asks that others cannot write where its socket is, and that they can reach it.
    chmod 755 "$sandbox" "$cluster" "$cluster/munge"
    head -c 128 /dev/urandom >"$cluster/munge/key" && chmod 400 "$cluster/munge/key"
    munged --force --key-file="$cluster/munge/key" --socket="$cluster/munge/socket" --pid-file="$cluster/munge/pid" \
        --log-file="$cluster/munge/log" --seed-file="$cluster/munge/seed" 2>"$cluster/munge/err" || { cat "$cluster/munge/err" && return 1; }
    cat >"$cluster/slurm.conf" <<END
ClusterName=trial
SlurmctldHost=$(uname -n)(127.0.0.1)
SlurmctldPort=$port
AuthType=auth/munge
AuthInfo=socket=$cluster/munge/socket
CredType=cred/munge
SlurmUser=root
SlurmdUser=root
StateSaveLocation=$cluster/state
SlurmdSpoolDir=$cluster/%n
SlurmctldPidFile=$cluster/slurmctld.pid
SlurmdPidFile=$cluster/%n/pid
SlurmctldLogFile=$cluster/slurmctld.log
SlurmdLogFile=$cluster/%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SwitchType=switch/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=sched_interval=1,bf_interval=1
ReturnToService=2
SlurmdTimeout=10
KillWait=2
SlurmdParameters=config_overrides
NodeName=node1 NodeAddr=127.0.0.1 Port=$((port + 1)) CPUs=4
NodeName=node2 NodeAddr=127.0.0.1 Port=$((port + 2)) CPUs=4
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE
END
    SLURM_CONF=$cluster/slurm.conf
    export SLURM_CONF
    trap 'slurm_stop; rm -rf "$sandbox"' EXIT
    slurmctld -f "$SLURM_CONF" || return 1
    host_on node1
    host_on node2
    tries=0
    until [ "$(sinfo -h -N -t idle 2>/dev/null | wc -l)" -eq 2 ] || [ $tries -ge 150 ]; do
        sleep 0.2
        tries=$((tries + 1))
    done
    equal "Slurm has two nodes" "$(sinfo -h -N -t idle | awk '{ print $1 }' | sort | tr '\n' ' ')" "node1 node2 "
}

host_on() { # NODE
    on "$1" slurmd -D -N "$1" -f "$SLURM_CONF" >"$cluster/$1.out" 2>&1 &
    echo $! >"$cluster/$1.host"
}

host_off() { # NODE
    power_off "$(cat "$cluster/$1.host")"
    rm "$cluster/$1.host"
}

slurm_stop() {
    for host in "$cluster"/*.host; do
        [ ! -e "$host" ] || kill -s KILL "$(cat "$host")"
    done
    for pid in "$cluster/slurmctld.pid" "$cluster/munge/pid"; do
        [ ! -s "$pid" ] || kill -s KILL "$(cat "$pid")"
    done
    sleep 0.3
}
