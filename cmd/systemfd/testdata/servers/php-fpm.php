<?php // answers "PID" of the worker
echo getmypid(), "\n";
