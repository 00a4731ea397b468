#!/usr/bin/env bash
# Fills a folder with what a company's mirror of packages serves: Debian's in debian/, Python's in python/.
#
#   mirror.sh FOLDER HOST "PACKAGE…"    HOST is a container whose sources.list names the sources
set -euo pipefail
folder=$1 host=$2
read -ra packages <<< "$3"
project=$(cd "$(dirname "$0")/../.." && pwd)

debian=$folder/debian state=$folder.apt
mkdir -p "$debian" "$state/lists/partial" "$state/cache/archives/partial"
podman exec "$host" cat /etc/apt/sources.list > "$state/sources.list"
: > "$state/status"
# An apt of its own beside the machine's, for a system on which nothing is installed
apt=(
    apt-get --quiet --quiet --option APT::Sandbox::User=root
    --option "Dir::State=$state" --option "Dir::State::status=$state/status" --option "Dir::Cache=$state/cache"
    --option "Dir::Etc::sourcelist=$state/sources.list" --option Dir::Etc::sourceparts=/dev/null
    --option Dir::Etc::trustedparts=/usr/share/keyrings --option Dir::Etc::preferencesparts=/dev/null
)
"${apt[@]}" update
"${apt[@]}" --yes --download-only --no-install-recommends install "${packages[@]}" > /dev/null
find "$debian" -name '*.deb' -delete
ln "$state"/cache/archives/*.deb "$debian"
# The index: each package's control file, and where it is
(
    cd "$debian"
    for file in *.deb; do
        dpkg-deb --field "$file"
        printf 'Filename: ./%s\nSize: %s\nSHA256: %s\n\n' "$file" "$(stat -c %s "$file")" "$(sha256sum "$file" | cut -d ' ' -f 1)"
    done > Packages
)

# Debian 13 has Python 3.13
"$project/.venv/bin/pip" download --quiet --disable-pip-version-check --require-hashes --only-binary :all: --python-version 3.13 \
    --dest "$folder/python" --requirement "$project/requirements.txt"
