# One line per script: bench_scripts += %D%/x.sh
bench_scripts += %D%/event.sh
check_helpers += %D%/bench_event
check_helpers += %D%/bench_stream
bench_scripts += %D%/stream.sh
