// The bash of a Slurm job of ours, the same in every one (launch/slurm.hpp says what it does).
// Before it stand the job's settings:
//
//   celere        the program
//   node_folder   each node's own folder is below it
//   nodes_file    keeps which nodes the last start had
//   interface     by which the nodes reach each other
//   supervisor    an array: its arguments
//   agent         an array: its arguments
//   step          an array: more arguments of srun
//   stopped_code  of a supervisor that stopped, saved, when asked to
//   last_moment   seconds after the notice at which the job is queued again, saved or not
//
// Slurm itself sends SIGTERM to every process of a job that it ends, so supervisor and agents may
// get it twice.
#pragma once

namespace celere::launch {

inline constexpr const char* slurm_body = R"bash(
set -u
all_nodes=$SLURM_JOB_NODELIST
batch_node=$SLURMD_NODENAME
watch_every=${CELERE_SLURM_WATCH_S:-20}
asked=
supervisor_id=

say() {
  printf '%s job %s, %s: %s\n' "$(date -u +%FT%TZ)" "$SLURM_JOB_ID" "$SLURMD_NODENAME" "$*" >&2
}

# Of this node, on the interface.
address() {
  if [ "$interface" = lo ]; then echo 127.0.0.1; return; fi
  ip -4 -o address show dev "$interface" | awk '{ split($4, part, "/"); print part[1]; exit }'
}

# WHY. Fails where Slurm already ends the job (cancelled, preempted, a node gone): it has decided.
queue_again() {
  case $(squeue -h -j "$SLURM_JOB_ID" -o %T) in
    RUNNING | SIGNALING) scontrol requeue "$SLURM_JOB_ID" && say "queued again: $1" ;;
    *) return 1 ;;
  esac
}

# WHAT ENDED, its CODE, WHEN it began. A pause of a second, and twice as long each time, up to a
# minute; a second again after a quiet minute. A signal ends it early.
rest() {
  if [ $((SECONDS - $3)) -ge 60 ]; then pause=1 quick=0; fi
  say "$1 ended with $2; again in $pause s"
  sleep "$pause" &
  wait $!
  quick=$((quick + 1)) pause=$((pause < 30 ? 2 * pause : 60))
}

# HOW OFTEN. With --no-kill a job outlives the node that this file runs on, to do nothing for ever.
watch_batch_node() {
  local left
  trap 'kill $!; exit' TERM   # a sleep that is left behind holds up the end of the step
  while sleep "$1" & wait $!; do
    left=$(squeue -h -j "$SLURM_JOB_ID" -o %N) && [ -n "$left" ] || continue
    scontrol show hostnames "$left" | grep -qxF -- "$batch_node" ||
      queue_again "its first node, $batch_node, is gone"
  done
}

on_node() {
  local node here code began pause=1 quick=0 asked=
  here=$(address)
  node=$(scontrol show hostnames "$all_nodes" | grep -nxF -- "$SLURMD_NODENAME" | cut -d: -f1)
  node=$((node - 1))
  trap 'asked=1' TERM INT   # the agent gets them from Slurm, as we do
  trap '' PIPE              # srun, which reads what we say, dies with the first node
  if [ "$node" -ge 1 ] && [ "$node" -le 8 ]; then watch_batch_node $((node * watch_every)) & fi
  while [ -z "$asked" ]; do
    began=$SECONDS
    "$celere" "${agent[@]}" --node "$node" --folder "$node_folder/$SLURMD_NODENAME" \
      --address "$here" && break
    code=$?
    [ -n "$asked" ] || rest "the agent of node $node" "$code" "$began"
  done
  kill $(jobs -p) 2>/dev/null
  rm -rf -- "${node_folder:?}/$SLURMD_NODENAME"   # it may be memory
  return 0
}

run_agents() {
  local began left pause=1 quick=0 nodes=$SLURM_JOB_NUM_NODES
  trap - TERM INT
  while true; do
    began=$SECONDS
    srun --nodes="$nodes" --ntasks="$nodes" --ntasks-per-node=1 "${step[@]}" --export=ALL \
      --cpu-bind=none --kill-on-bad-exit=0 --no-kill --wait=0 \
      bash -c "$(declare -p all_nodes batch_node watch_every celere agent node_folder interface;
                 declare -f say address queue_again rest watch_batch_node on_node); on_node" \
      </dev/null && break
    rest "the step of the agents" $? "$began"
    left=$(squeue -h -j "$SLURM_JOB_ID" -o %D) && [ -n "$left" ] && nodes=$left
  done
}

# SIGNAL: the notice, or a wish. What is not saved shortly before the nodes go is lost up to the
# last checkpoint, but the job is queued again.
stop() {
  [ -z "$asked" ] || return
  asked=$1
  say "got SIG$1"
  if [ "$1" = TERM ]; then
    (trap - TERM INT; sleep "$last_moment"; queue_again "still not stopped") &
  fi
  [ -z "$supervisor_id" ] || kill -s TERM "$supervisor_id" 2>/dev/null
}

supervise() {
  local code here began pause=1 quick=0 others=()
  here=$(address)
  if [ -e "$nodes_file" ] && [ "$(cat "$nodes_file")" != "$all_nodes" ]; then
    others=(--clear-nodes)
  fi
  printf '%s\n' "$all_nodes" >"$nodes_file"
  while true; do
    began=$SECONDS
    # Its steps stand in metrics.jsonl already.
    "$celere" "${supervisor[@]}" "${others[@]}" --address "$here" --interface "$interface" \
      </dev/null > >(exec grep --line-buffered -v '^{"kind":"step"') &
    supervisor_id=$! others=()
    [ -z "$asked" ] || kill -s TERM "$supervisor_id" 2>/dev/null
    while kill -0 "$supervisor_id" 2>/dev/null; do   # a signal to us ends a wait
      wait "$supervisor_id"
    done
    wait "$supervisor_id"
    code=$?
    supervisor_id=
    if [ "$code" -le 128 ] || [ -n "$asked" ]; then return "$code"; fi
    rest "the supervisor" "$code" "$began"
    if [ "$quick" -ge 10 ]; then say "it was killed ten times in a row"; return "$code"; fi
  done
}

trap 'stop TERM' TERM
trap 'stop INT' INT
say "start ${SLURM_RESTART_COUNT:-0} on $SLURM_JOB_NUM_NODES nodes, $all_nodes"
run_agents &
agents_id=$!
supervise
code=$?
say "the supervisor ended with $code"
if [ "$asked" = TERM ] && { [ "$code" = "$stopped_code" ] || [ "$code" -gt 128 ]; } &&
  queue_again "stopped before its nodes go"; then
  trap - TERM
  sleep 600   # Slurm ends it
fi
for _ in {1..10}; do   # who was told to leave leaves
  kill -0 "$agents_id" 2>/dev/null || break
  sleep 1
done
kill $(jobs -p) 2>/dev/null
exit "$code"
)bash";

}  // namespace celere::launch
