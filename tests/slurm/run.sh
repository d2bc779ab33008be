#!/usr/bin/env bash
# A small grid through a real Slurm of one node, two of its workers killed in the middle:
#     tests/slurm/run.sh            # as root on Debian, after `make book`; five minutes
# Installs slurm-wlm and munge, starts them on ports and in a folder of their own, and trains the six records of
# ee443-finetuned at profile smoke by `snakemake --profile workflow/profiles/slurm`. It ends one training by kill -9 and
# the job of another by scancel; then it trains one in jobs whose minute is over before the training is. The same records
# are trained in one process, and compared: all but time and machine must be the same bit by bit. SNAKEMAKE=FILE uses one
# that is installed, with its plugin for Slurm.
set -euo pipefail
cd "$(dirname "$0")/../.."
export DEBIAN_FRONTEND=noninteractive OMP_NUM_THREADS=1
experiment=ee443-finetuned
home=$(mktemp -d /tmp/slurm-XXXXXX)
store=$home/store calm=$home/calm
grid=
conf=/etc/slurm/slurm.conf # the plugin's steps know no other place
[ ! -e "$conf" ] || { echo "$conf is there: this machine has a Slurm; this script starts one of its own" >&2; exit 1; }
say() { echo "--- ${SECONDS} s: $*"; }

stop() { # ends what this script started, by its id
  [ -z "$grid" ] || kill "$grid" 2>/dev/null || true
  if [ "$(readlink "$conf")" = "$home/slurm.conf" ]; then
    squeue -h -o %i 2>/dev/null | xargs -r scancel || true
    sleep 8
    rm -f "$conf"
  fi
  [ -z "$grid" ] || kill -9 "$grid" 2>/dev/null || true
  for name in slurmd slurmctld munged; do
    [ ! -s "$home/$name.pid" ] || kill "$(cat "$home/$name.pid")" 2>/dev/null || true
  done
  sleep 2
  if [ -z "${KEEP:-}" ]; then rm -rf "$home"; fi
}
trap stop EXIT

until_true() { # SECONDS COMMAND...: waits for it
  local left=$1
  shift
  until "$@" >/dev/null 2>&1; do
    left=$((left - 1))
    [ "$left" -gt 0 ] || { echo "waited in vain for: $*" >&2; return 1; }
    sleep 1
  done
}

command -v slurmctld slurmd munged >/dev/null || {
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends slurm-wlm munge >/dev/null
}
if [ -z "${SNAKEMAKE:-}" ]; then
  .venv/bin/python -m venv "$home/venv"
  "$home/venv/bin/pip" install --quiet --disable-pip-version-check snakemake snakemake-executor-plugin-slurm
  SNAKEMAKE=$home/venv/bin/snakemake
fi
say "Slurm $(slurmd -V | cut -d' ' -f2), Snakemake $("$SNAKEMAKE" --version)"

# --- one node, no cgroups, no accounts
host=$(hostname -s)
mkdir -m 755 -p "$home/munge" "$home/state" "$home/spool" "$home/logs"
chmod 755 "$home"
(umask 077 && head -c 1024 /dev/urandom >"$home/munge.key")
munged --force --key-file="$home/munge.key" --socket="$home/munge/socket" --pid-file="$home/munged.pid" \
  --log-file="$home/logs/munged.log" --seed-file="$home/munge.seed" 2>/dev/null
cat >"$home/slurm.conf" <<EOF
ClusterName=small
SlurmctldHost=$host(127.0.0.1)
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket=$home/munge/socket
SlurmctldPort=$((20000 + $$ % 10000))
SlurmdPort=$((30000 + $$ % 10000))
SlurmctldPidFile=$home/slurmctld.pid
SlurmdPidFile=$home/slurmd.pid
SlurmctldLogFile=$home/logs/slurmctld.log
SlurmdLogFile=$home/logs/slurmd.log
StateSaveLocation=$home/state
SlurmdSpoolDir=$home/spool
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
ReturnToService=2
MinJobAge=600
KillWait=5
NodeName=$host NodeAddr=127.0.0.1 CPUs=2 RealMemory=16000 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES State=UP
EOF
mkdir -p "$(dirname "$conf")"
ln -s "$home/slurm.conf" "$conf"
slurmctld
slurmd
idle() { [ "$(sinfo -h -o %T)" = idle ]; }
until_true 60 idle
say "the node is $(sinfo -h -o %T)"

# --- the grid, and what ends two of its workers
trainings() { pgrep -f "^[^ ]*python[0-9.]* [^ ]*/lt run .*--store $store " || true; }
checkpoints() { find "$store/.work/checkpoints" -name '*.pt' 2>/dev/null | wc -l; }
amid() { # a training runs, and each that does has a checkpoint
  local running
  running=$(trainings | wc -l)
  [ "$running" -gt 0 ] && [ "$(checkpoints)" -ge "$running" ]
}
job_of() { tr '\0' '\n' <"/proc/$1/environ" | sed -n 's/^SLURM_JOB_ID=//p'; }

cat >"$home/lt" <<EOF
#!$PWD/.venv/bin/python
"""\`lt\` with a checkpoint after each epoch and a rest behind it, so that any machine is slow enough to be met amid one."""
import os
import time

from lt_lib import cli
from lt_lib.lab.train import loop

save = loop.Loop._save


def save_and_rest(self):
    save(self)
    time.sleep(float(os.environ.get("REST", 8)))


loop.CHECKPOINT_EVERY_S, loop.Loop._save = 0.0, save_and_rest
cli.main()
EOF
chmod +x "$home/lt"
through_slurm() { # OPTIONS of --config
  "$SNAKEMAKE" --profile workflow/profiles/slurm --slurm-no-account --slurm-init-seconds-before-status-checks 5 \
    --slurm-status-command squeue --seconds-between-status-checks 5 --latency-wait 5 --slurm-logdir "$home/logs" \
    --config profile=smoke "lt=$home/lt" "$@"
}
through_slurm "experiment=$experiment" "store=$store" >"$home/logs/grid.log" 2>&1 &
grid=$!
until_true 900 amid
victim=$(trainings | head -n 1)
first=$(job_of "$victim")
kill -9 "$victim"
say "killed a training of job $first (kill -9), $(checkpoints) checkpoints there"
other() { amid && [ "$(job_of "$(trainings | tail -n 1)")" != "$first" ]; }
until_true 900 other
second=$(job_of "$(trainings | tail -n 1)")
scancel "$second"
say "ended job $second (scancel), $(checkpoints) checkpoints there"
if ! wait "$grid"; then
  grid=
  cat "$home/logs/grid.log"
  exit 1
fi
grid=
failed=$(grep -c '^ *Trying to restart job' "$home/logs/grid.log")
say "the grid has ended; jobs tried again: $failed"
[ "$failed" -ge 2 ]

# --- the same in one process
LT_STORE= .venv/bin/lt run "$experiment" --profile smoke --store "$calm" --workers 1 2>/dev/null >/dev/null
cat >"$home/same.py" <<'EOF'
import json
import sys
from pathlib import Path

TIMES = ("wall_s", "images_per_s", "env")


def numbers(store):
    found = {}
    for path in sorted(Path(store).glob("*-*/*/*.json")):
        record = json.loads(path.read_text())
        found[path.name] = {name: value for name, value in record.items() if name not in TIMES}
    return found


grid, calm = map(numbers, sys.argv[1:3])
if len(grid) != int(sys.argv[3]) or not grid.keys() <= calm.keys():
    sys.exit(f"records differ: {len(grid)} by Slurm, {len(calm)} in one process")
if odd := [name for name in grid if grid[name] != calm[name]]:
    sys.exit(f"not the same bits: {', '.join(odd)}")
print(f"--- {len(grid)} records by Slurm, bit by bit those of one process")
EOF
.venv/bin/python "$home/same.py" "$store" "$calm" 6

# --- one whose time ends, a minute, amid the training
REST=45 through_slurm "experiment=$experiment/finetuned-0.1" "seeds=1" "store=$home/short" "limit=1" >"$home/logs/short.log" 2>&1 ||
  { cat "$home/logs/short.log"; exit 1; }
failed=$(grep -c '^ *Trying to restart job' "$home/logs/short.log")
say "a training of more than a minute in jobs of a minute; tried again: $failed"
[ "$failed" -ge 1 ]
.venv/bin/python "$home/same.py" "$home/short" "$calm" 1
say "done"
