#!/bin/sh
# The pack's script for uploads by curl
set -eu
action=$1
shift
case $action in
    put) sh clients/upload.sh "$@" ;;
    resume-put) sh clients/upload.sh --resume "$@" ;;
esac
