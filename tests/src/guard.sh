# Runs a command and takes it along when standard input ends, that is, when the process that started this one
# drops its guard, exits or dies in any way. Then it also removes the folder, if one is given.
# Prints the command's process id, and its exit status when it has ended. The line `keep` after that saves the folder.
#
# usage: sh guard.sh SIGNAL FOLDER STDOUT STDERR COMMAND...
signal=$1 folder=$2 stdout=$3 stderr=$4
shift 4

exec 3<&0
"$@" </dev/null 3<&- >>"$stdout" 2>>"$stderr" &
pid=$!
# After the command was started, for it would inherit this: nobody may read what is printed.
trap '' PIPE
echo "$pid"

{
  while read -r _ <&3; do :; done
  kill -s "$signal" "$pid" 2>/dev/null
} &
watcher=$!

wait "$pid"
status=$?
# The id may soon be another process's. Until it is dead, the watcher could still read what is meant for us.
kill -s KILL "$watcher" 2>/dev/null
wait "$watcher" 2>/dev/null
echo "$status" 2>/dev/null

# Who has seen the command end may want its folder for the next one.
while read -r line <&3; do
  if [ "$line" = keep ]; then folder=; fi
done
if [ -n "$folder" ]; then rm -rf "$folder"; fi
