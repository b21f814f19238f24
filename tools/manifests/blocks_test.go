package manifests_test

import (
	"cmp"
	"net/url"
	"slices"
	"strings"
	"testing"

	core "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

// TestBlocksAreShared: in each build, API and workers have the same block store. One in a directory is on a volume of
// several pods, and the credentials of one in a bucket are in a Secret that need not be there.
func TestBlocksAreShared(t *testing.T) {
	built(t, "*", func(t *testing.T, objects []object) {
		settings := map[string]map[string]string{}
		claims := map[string]core.PersistentVolumeClaim{}
		for _, o := range objects {
			var m core.ConfigMap
			var c core.PersistentVolumeClaim
			var err error
			switch o.Kind {
			case "ConfigMap":
				err = yaml.Unmarshal(o.text, &m)
				settings[o.Metadata.Name] = m.Data
			case "PersistentVolumeClaim":
				err = yaml.Unmarshal(o.text, &c)
				claims[o.Metadata.Name] = c
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		stores := map[string]bool{}
		for _, o := range objects {
			template := o.template(t)
			if template == nil || len(template.Spec.Containers[0].EnvFrom) == 0 {
				continue
			}
			store := "postgres" // the default
			for _, from := range template.Spec.Containers[0].EnvFrom {
				if from.ConfigMapRef != nil {
					store = cmp.Or(settings[from.ConfigMapRef.Name]["MILLRACE_BLOCKS"], store)
				}
			}
			stores[store] = true
			checkStore(t, o.Metadata.Name, store, template.Spec, claims)
		}
		if len(stores) > 1 {
			t.Errorf("block stores of the pods = %v, want one", stores)
		}
	})
}

// TestBucketIsNamed: the bucket is the one that an overlay names.
func TestBucketIsNamed(t *testing.T) {
	built(t, "millrace-s3*", func(t *testing.T, objects []object) {
		const want = "MILLRACE_BLOCKS: s3://your-bucket/millrace?region=eu-central-1"
		for _, o := range objects {
			isShared := o.Kind == "ConfigMap" && strings.HasPrefix(o.Metadata.Name, "millrace-settings-")
			if isShared && !strings.Contains(string(o.text), want) {
				t.Errorf("settings of an overlay with a bucket = %s, want %s", o.text, want)
			}
		}
	})
}

// checkStore checks that the pods of an object have what a block store needs.
func checkStore(
	t *testing.T, of, store string, pod core.PodSpec, claims map[string]core.PersistentVolumeClaim,
) {
	t.Helper()
	c := pod.Containers[0]
	switch u, err := url.Parse(store); {
	case err != nil:
		t.Errorf("block store of %s = %q, %v", of, store, err)
	case u.Scheme == "s3":
		secret := c.EnvFrom[len(c.EnvFrom)-1].SecretRef
		if secret == nil || !is(secret.Optional) {
			t.Errorf("%s has no Secret for the bucket that need not be there: %v", of, c.EnvFrom)
		}
	case u.Scheme == "file":
		m := slices.IndexFunc(c.VolumeMounts, func(m core.VolumeMount) bool { return m.MountPath == u.Path })
		if m < 0 {
			t.Fatalf("%s mounts %v, want a volume at %s", of, c.VolumeMounts, u.Path)
		}
		v := slices.IndexFunc(pod.Volumes, func(v core.Volume) bool { return v.Name == c.VolumeMounts[m].Name })
		if v < 0 || pod.Volumes[v].PersistentVolumeClaim == nil {
			t.Fatalf("volumes of %s = %v, want a claim for %s", of, pod.Volumes, u.Path)
		}
		claim := claims[pod.Volumes[v].PersistentVolumeClaim.ClaimName]
		if modes := claim.Spec.AccessModes; len(modes) != 1 || modes[0] != core.ReadWriteMany {
			t.Errorf("access modes of the blocks of %s = %v, want ReadWriteMany", of, modes)
		}
	}
}
