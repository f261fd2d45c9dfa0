#!/bin/sh
# Makes a bare Git repository from each folder of the sample course.
#
#   samples/publish.sh DIR
#
# Prints one line for each: name, URL, commit. The commits are the same on every machine.
# BASE_URL is put before the names when it is set, for instance to the address that serve.sh prints.
# Needs git.
set -eu

if [ $# -ne 1 ]; then
    echo "usage: publish.sh DIR" >&2
    exit 2
fi
course=$(cd "$(dirname "$0")/course" && pwd)
mkdir -p "$1"
target=$(cd "$1" && pwd)
base_url=${BASE_URL:-file://$target}

# Neither the user's settings nor the surroundings may change what is committed.
unset GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE GIT_OBJECT_DIRECTORY
export LC_ALL=C GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1
export GIT_AUTHOR_NAME='Lea Lecturer' GIT_AUTHOR_EMAIL='lea@uni.example'
export GIT_COMMITTER_NAME="$GIT_AUTHOR_NAME" GIT_COMMITTER_EMAIL="$GIT_AUTHOR_EMAIL"
export GIT_AUTHOR_DATE='2026-01-05T08:00:00+0000' GIT_COMMITTER_DATE='2026-01-05T08:00:00+0000'

publish() {
    name=$1
    source=$2
    repository=$target/$name.git
    index=$repository/sample-index
    if [ ! -d "$repository" ]; then
        git init --quiet --bare --object-format=sha1 --initial-branch=main "$repository"
    fi
    rm -f "$index"
    (cd "$source" && GIT_INDEX_FILE=$index git --git-dir="$repository" --work-tree=. \
        -c core.autocrlf=false -c core.fileMode=true add --all -- . ':(exclude,glob)**/__pycache__/**')
    tree=$(GIT_INDEX_FILE=$index git --git-dir="$repository" write-tree)
    rm -f "$index"
    commit=$(git --git-dir="$repository" commit-tree "$tree" -m "Triangle: $name")
    git --git-dir="$repository" update-ref refs/heads/main "$commit"
    git --git-dir="$repository" update-server-info
    echo "$name $base_url/$name.git $commit"
}

publish reference "$course/reference"
for folder in "$course"/submissions/*/; do
    publish "$(basename "$folder")" "${folder%/}"
done
