#!/usr/bin/env bash
# Installs this bundle in an Amazon MWAA environment. What the environment has stays: other plugins, requirements, options.
set -euo pipefail
umask 077  # the options of an environment may have secrets

usage() {
  cat <<'TEXT'
Usage: deploy.sh [--site SITE] [--keep-role] [--replace-workers GRACEFUL|FORCED] [--replace-dags] [--look]

  --site SITE           store the connection of this Chargebee site in SSM Parameter Store. It asks for the API key, or reads
                        it from standard input. Leave it out if the connection exists
  --keep-role           do not change the execution role. Then an administrator gives it the policy that --look shows
  --replace-workers HOW GRACEFUL: MWAA lets the running tasks end, up to 12 hours. FORCED: it stops them, and Airflow retries
                        them. Without it, MWAA decides
  --replace-dags        copy DAG files over those that are different. The settings are in such a file
  --look                show what would be changed, and change nothing

It needs Python 3.9 or later and the AWS CLI, which takes its account, region and credentials from its usual places.
You can stop it and run it again at any time: what is done already is not done again.
TEXT
}

fail() {
  printf 'deploy.sh: %s\n' "$*" >&2
  exit 1
}

site='' strategy='' replace_dags='' keep_role='' look=''
while (($#)); do
  case $1 in
    --site) site=${2:?--site needs a value} && shift ;;
    --replace-workers) strategy=${2:?--replace-workers needs a value} && shift ;;
    --replace-dags) replace_dags=yes ;;
    --keep-role) keep_role=yes ;;
    --look) look=yes ;;
    --help | -h) usage && exit 0 ;;
    *) usage >&2 && fail "$1 is not known." ;;
  esac
  shift
done
case $strategy in
  GRACEFUL | FORCED | '') ;;
  *) fail "--replace-workers is '$strategy': give GRACEFUL or FORCED." ;;
esac
case $site in
  *[!A-Za-z0-9-]* | -*) fail "--site is '$site': give the site's name only, for example acme-test." ;;
esac

for name in aws python3; do
  command -v "$name" >/dev/null || fail "The command $name was not found: install it, or put it on the PATH."
done

here=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tools() { python3 "$here/bundle_tools.py" "$@"; }
tools check-sums "$here"
# shellcheck source=/dev/null
. "$here/settings.sh"

get_environment() {
  aws mwaa get-environment --name "$ENVIRONMENT" --output json >"$work/environment.json"
}

fetch() {  # HAS-IT KEY VERSION FILE: what the environment has; an empty file where it has none.
  : >"$4"
  [[ -n $1 ]] || return 0
  # Without a version MWAA uses the newest one.
  aws s3api get-object --bucket "$BUCKET" --key "$2" ${3:+--version-id "$3"} "$4" >/dev/null
}

put() {  # FILE KEY: prints the version of the new object.
  aws s3api put-object --bucket "$BUCKET" --key "$2" --body "$1" --query VersionId --output text
}

put_if_new() {  # FILE KEY VERSION OLD-FILE: prints the version to use.
  if [[ -n $3 ]] && cmp -s "$1" "$4"; then printf '%s\n' "$3"; else put "$1" "$2"; fi
}

echo "Environment $ENVIRONMENT"
get_environment || fail "Environment $ENVIRONMENT can't be read: check the account, region and credentials of the AWS CLI."
found=$(tools facts "$work/environment.json" "$AIRFLOW_VERSION" "$BUCKET" "$ENVIRONMENT_CLASS")
# The names below come from here.
role='' dags_key='' last_update=''
has_plugins='' plugins_key='' plugins_version='' has_requirements='' requirements_key='' requirements_version=''
eval "$found"
versioning=$(aws s3api get-bucket-versioning --bucket "$BUCKET" --query Status --output text)
[[ $versioning == Enabled ]] || fail "Bucket $BUCKET keeps no versions, and MWAA needs them: switch versioning on."

fetch "$has_plugins" "$plugins_key" "$plugins_version" "$work/plugins.old"
fetch "$has_requirements" "$requirements_key" "$requirements_version" "$work/requirements.old"
merged=$(tools merge-plugins "$work/plugins.old" "$here/plugins.zip" "$work/plugins.zip")
echo "plugins.zip: $merged"
merged=$(tools merge-requirements "$work/requirements.old" "$here/requirements.txt" "$here/plugins.zip" "$work/requirements.txt")
echo "requirements.txt: $merged"
echo "Airflow options: $(tr -d '\n' <"$here/airflow-options.json")"
tools merge-options "$work/environment.json" "$here/airflow-options.json" >"$work/options.json"
parameter=''
[[ -z $site ]] || parameter=$(tools parameter-name "$work/options.json")
tools policy "$work/environment.json" "$here/policies/execution-role.json" >"$work/policy.json"
echo "Policy chargebee-exports of role $role: $(cat "$work/policy.json")"
if [[ -n $look ]]; then
  echo "Nothing was changed."
  exit 0
fi

if [[ -z $keep_role ]]; then
  aws iam get-role-policy --role-name "$role" --policy-name chargebee-exports --query PolicyDocument --output json \
    >"$work/policy.old" 2>/dev/null || : >"$work/policy.old"  # without the right to look, it is written again
  if [[ $(tools same-json "$work/policy.json" "$work/policy.old") != yes ]]; then
    aws iam put-role-policy --role-name "$role" --policy-name chargebee-exports --policy-document "file://$work/policy.json" ||
      fail "Role $role was not changed. Let an administrator give it the policy above. Then run this script with --keep-role."
  fi
fi
if [[ -n $parameter ]]; then
  # The key is in no argument, no file and no output.
  tools connection "$site" |
    aws ssm put-parameter --name "$parameter" --type SecureString --overwrite --value file:///dev/stdin >/dev/null
  echo "The connection is in the parameter $parameter."
fi

plugins_version=$(put_if_new "$work/plugins.zip" "$plugins_key" "$plugins_version" "$work/plugins.old")
requirements_version=$(put_if_new "$work/requirements.txt" "$requirements_key" "$requirements_version" "$work/requirements.old")
tools update "$work/environment.json" "$work/options.json" "$plugins_key" "$plugins_version" \
  "$requirements_key" "$requirements_version" "$strategy" >"$work/update.json"
if [[ -s $work/update.json ]]; then
  aws mwaa update-environment --cli-input-json "file://$work/update.json" >/dev/null
  echo "MWAA updates the environment. That takes 10 to 30 minutes, longer with GRACEFUL."
  state='wait'
  while [[ $state == wait ]]; do
    sleep "${DEPLOY_LOOK_SECONDS:-30}"
    get_environment || fail "MWAA still updates the environment. When it is AVAILABLE, run this script again for the DAG files."
    state=$(tools update-state "$work/environment.json" "$last_update")
  done
else
  echo "Plugins, requirements and options are like that already."
fi

# Last: MWAA reads a DAG file within minutes, and one without its plugin is an import error.
for file in "$here"/dags/*.py; do
  key=$dags_key/$(basename "$file")
  listed=$(aws s3api list-objects-v2 --bucket "$BUCKET" --prefix "$key" --query "Contents[?Key=='$key'].Key" --output text)
  if [[ $listed == "$key" ]]; then
    aws s3api get-object --bucket "$BUCKET" --key "$key" "$work/dag" >/dev/null
    cmp -s "$file" "$work/dag" && continue
    if [[ -z $replace_dags ]]; then
      echo "s3://$BUCKET/$key is different, and stays. It may have your settings. To replace it, give --replace-dags."
      continue
    fi
  fi
  put "$file" "$key" >/dev/null
  echo "Copied s3://$BUCKET/$key"
done
echo "Done. Trigger chargebee_doctor next: it examines the site, the bucket and this Airflow."
